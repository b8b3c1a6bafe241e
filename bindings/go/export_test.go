package hexz

// Reads is what bounds the reads that run at once.
var Reads = reads
