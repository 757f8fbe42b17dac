// What went wrong, in plain words: first what it means, then what to do.
import { bytes, duration } from "./format.js";

const BY_CODE = {
  SourceNotFoundError: "The clip is not there any more. Add it again.",
  UnreadableSourceError: "This file is not a video that can be read. It may be damaged or cut short; try to play it, or convert it to MP4.",
  EmptySourceError: "No picture could be read from this clip. Try to play it; it may hold only sound.",
  SourceError: "Something is wrong with this clip. Try to play it on your machine.",
  ConfigError: "One of the options does not fit this clip. Check the options and try again.",
  WeightsError: "A model file on the server is damaged. Tell the person who runs it.",
  MissingWeightsError: "A model file is missing on the server. Tell the person who runs it.",
  OutputError: "The server could not write the results; its disk may be full. Tell the person who runs it, then try again.",
  ResultsError: "The results of this clip cannot be read. Run it again.",
  UnsafePickleError: "The results of this clip are not plain data, so they were not opened.",
  DependencyError: "The server lacks a package for this. Tell the person who runs it.",
  StageError: "A frame of this clip could not be worked on. Try again, or leave that part of the clip out.",
  InterruptedRunError: "The run was stopped. Try again; what was finished is kept.",
};

const BY_STATUS = {
  401: "The server wants you to log in.",
  403: "This token may not do that.",
  404: "This is not there any more. It may have been deleted, or have expired.",
  408: "The server waited too long for the clip. Try again on a faster connection.",
  409: "That does not go together with what the clip is doing now. Wait a moment.",
  413: "This file is larger than the server takes.",
  415: "This file is not a video that can be read.",
  429: "That was too much at a time.",
  503: "The server is busy or going down. Try again in a moment.",
  507: "The server's disk is full. Delete clips you need no more, or tell the person who runs it.",
};

/** An answer of the server that is not a success, or none at all (status 0). */
export class ApiError extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail || problem.title || `status ${status}`);
    this.status = status;
    this.code = problem.code || null;
    this.detail = problem.detail || null;
    this.retryAfter = retryAfter;
  }
}

/** Plain words for an error of the server, of the network, or of this page. */
export function plain(error, limits = null) {
  if (!(error instanceof ApiError)) return `Something went wrong in this page: ${error.message}`;
  if (error.status === 0) return "The server cannot be reached. Check your connection; this page keeps trying.";
  if (error.status === 413 && limits?.upload_bytes)
    return `This file is larger than the ${bytes(limits.upload_bytes)} that the server takes. Cut it, or make it smaller.`;
  const known = BY_CODE[error.code] || BY_STATUS[error.status];
  if (error.status === 429 && error.retryAfter)
    return `${known} Try again in ${duration(error.retryAfter)}.`;
  if (known) return known;
  if (error.status >= 500) return "The server made a mistake. Try again; if it stays, tell the person who runs it.";
  return error.detail || "The server did not accept that.";
}

/** Whether an error is one of the options, which the same options would only repeat. */
export const isOfOptions = (error) => error?.code === "ConfigError";

/** Plain words for the error of a failed job. */
export const plainJob = (error) =>
  BY_CODE[error?.code] || "This clip could not be finished. Try again; if it stays, tell the person who runs the server.";
