"""The pages that people see, and the text on them made safe."""
