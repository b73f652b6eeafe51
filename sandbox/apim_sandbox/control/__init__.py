"""The control service: the journal's order, the clock, the faults, snapshots; what it steers."""
