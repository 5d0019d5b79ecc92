/** What notification's reconciliation found, and its dead letters. A file by itself: it goes when the service is taken out. */

import type { ListDeadLettersResponse } from "../gen/argosy/deadletter/v1/dead_letter_pb";
import type { ListDriftsResponse } from "../gen/argosy/reconciliation/v1/drift_pb";
import { notifications } from "../rpc";

export function messageDrifts(request: { pageToken: string }): Promise<ListDriftsResponse> {
  return notifications.listMessageDrifts(request);
}

export const messageLetters = {
  list: (request: { pageToken: string }): Promise<ListDeadLettersResponse> => notifications.listMessageDeadLetters(request),
  redrive: (request: { id: string }) => notifications.redriveMessageDeadLetter(request),
};
