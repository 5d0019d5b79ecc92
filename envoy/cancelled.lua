-- gRPC in the service answers CANCELLED to calls that it has not begun: when it stops, or after they have waited for too
-- long. No client has cancelled those, so for them the service is unavailable, and they may try again.
function envoy_on_response(handle)
  local headers = handle:headers()
  if headers:get("grpc-status") ~= CANCELLED then
    return
  end
  headers:replace("grpc-status", UNAVAILABLE)
  headers:replace("grpc-message", MESSAGE)
  headers:replace("grpc-status-details-bin", DETAILS)
  headers:replace("retry-after", RETRY_AFTER)
end
