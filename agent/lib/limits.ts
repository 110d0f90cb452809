/** Less than this leaves no room for a chunk beside its headers (a path alone may take 4,000 bytes). */
export const leastMessageBytes = 16_384;

/** Until the topic's limit is known: the brokers' default for `max.message.bytes`. */
export const defaultMessageBytes = 1_048_588;
