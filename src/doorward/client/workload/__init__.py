"""Sign-in without a user: services, workload identities, enterprise-managed authorization."""
