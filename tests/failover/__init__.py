"""A fail-over run: PostgreSQL under Patroni and etcd, three replicas, load, and one fault after the other."""
