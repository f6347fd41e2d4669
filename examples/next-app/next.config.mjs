/** The root folder. Without it Next uses the folder of the nearest lock file, here that of the repository. */
export default { turbopack: { root: import.meta.dirname } }
