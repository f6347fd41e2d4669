import type { LabBrowser } from './browsers.ts'
import type { LabPage, PageKind } from './fault.ts'

interface Shared {
  readonly kind: PageKind
  readonly page: Promise<LabPage>
  /** Clients that use it now, and all that ever did. */
  clients: number
  clientsInAll: number
}

/** Pages that several clients share, to save the cost of a page per client; after `clientsInAll` clients they are replaced. */
export class PagePool implements AsyncDisposable {
  readonly #browser: LabBrowser
  readonly #urlOf: (kind: PageKind) => string
  readonly #pages = new Set<Shared>()

  constructor(browser: LabBrowser, urlOf: (kind: PageKind) => string) {
    this.#browser = browser
    this.#urlOf = urlOf
  }

  /** How many clients can run at once. */
  get places(): number {
    return this.#browser.pages * this.#browser.clientsPerPage
  }

  canHave(kind: PageKind): boolean {
    return kind !== 'secure' || this.#browser.canBeSecure
  }

  /** Runs a function in a page of this kind, if required without other clients in it. */
  async use<Result>(kind: PageKind, isAlone: boolean, run: (page: LabPage) => Promise<Result>): Promise<Result> {
    const { clientsPerPage, clientsInAll } = this.#browser
    const isFree = (shared: Shared) =>
      shared.kind === kind && shared.clients < clientsPerPage && shared.clientsInAll < clientsInAll
    const shared = (!isAlone && [...this.#pages].find(isFree)) || this.#add(kind, isAlone)
    shared.clients += 1
    shared.clientsInAll += isAlone ? clientsInAll : 1
    try {
      return await run(await shared.page)
    } finally {
      shared.clients -= 1
      if (shared.clients === 0 && shared.clientsInAll >= clientsInAll) await this.#close(shared)
    }
  }

  /** Runs a function in a page of its own at this URL. */
  async useAt<Result>(url: string, run: (page: LabPage) => Promise<Result>): Promise<Result> {
    await using page = await this.#openAt(url, false)
    return await run(page)
  }

  #add(kind: PageKind, isAlone: boolean): Shared {
    const page = this.#open(kind)
    const shared = { kind, page, clients: 0, clientsInAll: isAlone ? this.#browser.clientsInAll : 0 }
    this.#pages.add(shared)
    return shared
  }

  #open(kind: PageKind): Promise<LabPage> {
    return this.#openAt(this.#urlOf(kind), kind === 'secure')
  }

  /** Opens a page, with retries, since a driver may fail when another page closes meanwhile. */
  async #openAt(url: string, isSecure: boolean, tries = 3): Promise<LabPage> {
    try {
      return await this.#browser.open(url, { isSecure })
    } catch (error) {
      if (tries === 1) throw error
      return this.#openAt(url, isSecure, tries - 1)
    }
  }

  async #close(shared: Shared): Promise<void> {
    this.#pages.delete(shared)
    // A page that failed to open has been reported already.
    const page = await shared.page.catch(() => null)
    await page?.[Symbol.asyncDispose]()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#pages].map((shared) => this.#close(shared)))
  }
}
