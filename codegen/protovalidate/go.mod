// Not built: it pins, with its hash, the module that carries buf/validate/validate.proto.
module argosy/codegen/protovalidate

go 1.24

require github.com/bufbuild/protovalidate v1.2.2
