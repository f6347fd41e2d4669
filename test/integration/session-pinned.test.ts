import { pinnedContract } from '../support/pinned-contract.ts'

pinnedContract()
