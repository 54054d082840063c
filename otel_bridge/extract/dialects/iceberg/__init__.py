"""Reads and writes of Iceberg tables, told by any engine with the attributes of convention/iceberg.yaml."""
