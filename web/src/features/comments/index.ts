export { CommentCount } from "./CommentCount";
export { Comments } from "./Comments";
export { useCommentCounts } from "./useCommentCounts";
export { TraceComments, useTraceComments } from "./TraceComments";
