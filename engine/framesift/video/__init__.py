"""Everything that knows PyAV: containers, packets, segments, decoded frames and their colours."""
