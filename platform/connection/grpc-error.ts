import type { ServiceError as GrpcError } from '@grpc/grpc-js';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';

export function grpcErrorIn(error: unknown): GrpcError | undefined {
  const grpc = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(grpc) ? grpc : undefined;
}

/** The server's own words. Of the part of an update-with-start that failed, the SDK puts them into the message alone. */
export function wordsOf({ code, details, message }: GrpcError): string {
  return message.startsWith(`${code} `) ? details : message;
}
