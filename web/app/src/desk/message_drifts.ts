/** What notification's reconciliation found. A file by itself: it goes when the service is taken out. */

import type { ListDriftsResponse } from "../gen/argosy/reconciliation/v1/drift_pb";
import { notifications } from "../rpc";

export function messageDrifts(request: { pageToken: string }): Promise<ListDriftsResponse> {
  return notifications.listMessageDrifts(request);
}
