"""Where the spans of a stack go: an OTLP receiver that keeps them in files, for `argosy trace`.

__main__    the process
receiver    OTLP over gRPC
spans       a span as it is kept
store       the files: one line of JSON a span, the oldest are dropped
"""
