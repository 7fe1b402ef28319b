"""Decision policies: typed inputs, derived values, tables and outputs in one YAML file."""
