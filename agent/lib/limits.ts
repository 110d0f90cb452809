/** Less than this leaves no room for a chunk beside its headers (a path alone may take 4,000 bytes). */
export const leastMessageBytes = 16_384;
