"""A bridge as one writes it in an afternoon, as a peer: no journal, everything parsed, official objects."""
