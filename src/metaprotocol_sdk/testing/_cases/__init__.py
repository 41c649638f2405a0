"""The sources of cases: which inputs the properties are tried on."""
