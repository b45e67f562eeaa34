"""The rendered world: eighteen kinds of toys with named parts, scenes, exact truth, captions, and
the writers that put pictures of it on disk in the benchmarks' own layouts.

`shapes` are the primitives, `things` (`animals`, `vehicles`) the toys, `scene` draws one at random,
`photograph` frames it as SPair-71k's pictures are, `render` casts its rays, `truth` and `dense` say
what corresponds, `sets` are the benchmarks and
`writing` their files. Nothing here reads a benchmark or knows a network.
"""
