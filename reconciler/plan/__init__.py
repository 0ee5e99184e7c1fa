"""Planning: two snapshots in, one plan out. Pure: no clock, no network, no state file, no printing."""
