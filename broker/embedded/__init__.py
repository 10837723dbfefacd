"""Owns the real parts that one machine runs by itself: one Apache Kafka node and one PostgreSQL server.

Promises: both start from installed Python packages and verified jars, listen on the loopback address only,
keep all they know below one data directory each, and end with the process that started them. Leaves to others what
runs on them: topics, users and rights are asked for through ``admin``, databases through a connection.
"""
