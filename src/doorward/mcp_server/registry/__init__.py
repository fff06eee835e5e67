"""What a server has registered: lookup by name, lists by caller. Not here: resources by URI."""
