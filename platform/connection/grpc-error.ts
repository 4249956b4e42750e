import type { ServiceError as GrpcError } from '@grpc/grpc-js';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';

/** What gRPC itself has said, which the SDK may have wrapped. */
export function grpcErrorIn(error: unknown): GrpcError | undefined {
  const grpc = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(grpc) ? grpc : undefined;
}
