"""Apache Thrift by others: our programs of tests/interop/thrift/programs, made with the libraries of five languages."""
