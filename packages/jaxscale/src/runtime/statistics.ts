/** What a client has done since it began; a difference of two copies measures a call. */
export interface Statistics {
  /** Programs launched. */
  launches: number;
  submits: number;
  /** Compute passes that dispatches are encoded in; each costs the host far more than a dispatch. */
  passes: number;
  dispatches: number;
  buffersCreated: number;
  bindGroupsCreated: number;
  pipelinesCreated: number;
  /** Bytes of the buffers that arrays, constants, temporaries and transfers hold. */
  bytesInUse: number;
  buffersInUse: number;
  /** Largest `bytesInUse` so far; assign to begin anew. */
  peakBytes: number;
  /** Bytes of all buffers that exist, with those kept for reuse. */
  bytesAllocated: number;
}

export const newStatistics = (): Statistics => ({
  launches: 0,
  submits: 0,
  passes: 0,
  dispatches: 0,
  buffersCreated: 0,
  bindGroupsCreated: 0,
  pipelinesCreated: 0,
  bytesInUse: 0,
  buffersInUse: 0,
  peakBytes: 0,
  bytesAllocated: 0,
});
