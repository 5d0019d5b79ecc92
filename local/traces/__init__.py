"""The trace collector of a stack: an OTLP receiver that writes spans to files, for `argosy trace`.

__main__    the process
receiver    OTLP over gRPC
spans       the stored form of a span
store       the files: one line of JSON per span; the oldest are deleted
"""
