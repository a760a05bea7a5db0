/** What other programs may use of the command. */
export { Conversation } from "./conversation.ts";
export { exitOnOutputErrors } from "./output.ts";
