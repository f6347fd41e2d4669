import { sessionContract } from '../support/session-contract.ts'

sessionContract(1)
