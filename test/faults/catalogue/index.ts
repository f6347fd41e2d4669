export { leftOut } from './left-out.ts'
export { sets } from './sets.ts'
