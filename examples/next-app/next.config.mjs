/** The root: without it Next takes the nearest lock file for that, here the one of the repository. */
export default { turbopack: { root: import.meta.dirname } }
