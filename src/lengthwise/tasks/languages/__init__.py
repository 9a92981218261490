"""Formal languages and groups: the answers follow the state of an automaton or of a stack."""
