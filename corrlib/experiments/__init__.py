"""From methods to numbers: the loop that writes matches and the one that counts them, sweeps,
studies and searches, laws, reports, and the profiles that say what a run uses.

Nothing here knows what a method does; nothing below this room knows that a profile exists.
"""
