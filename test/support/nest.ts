import type { Server } from 'node:http'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { WsAdapter } from '@nestjs/platform-ws'
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets'
import { isAnswered, isEchoed, type Neighbour } from './neighbour.ts'

// Nest's decorators are called as functions, since the tests are run without TypeScript's legacy decorators.

class Page {
  get(): string {
    return 'nest'
  }
}
Controller('page')(Page)
decorateMethod(Page, 'get', Get())

class Gateway {
  upperCase(_socket: unknown, text: string): { event: string; data: string } {
    return { event: 'upperCase', data: text.toUpperCase() }
  }
}
WebSocketGateway({ path: '/gateway' })(Gateway)
decorateMethod(Gateway, 'upperCase', SubscribeMessage('upperCase'))

class Application {}
Module({ controllers: [Page], providers: [Gateway] })(Application)

/** Serves requests of a server that it does not create itself. */
class AdapterOf extends ExpressAdapter {
  readonly #http: Server

  constructor(http: Server) {
    super()
    this.#http = http
  }

  override initHttpServer(): void {
    this.httpServer = this.#http
    this.#http.on('request', this.getInstance())
  }
}

/** An application of Nest whose gateway uses `WsAdapter`, which destroys the upgrades of paths that it does not know. */
export async function nest(http: Server): Promise<Neighbour> {
  const app = await NestFactory.create(Application, new AdapterOf(http), { logger: false, abortOnError: false })
  app.useWebSocketAdapter(new WsAdapter(app))
  await app.init()
  return {
    async check(port) {
      await isAnswered(port, '/page', 'nest')
      await isEchoed(port, '/gateway', '{"event":"upperCase","data":"nest"}', '{"event":"upperCase","data":"NEST"}')
    },
    end() {
      // The application ends when its server has no connection left, and `fetch` keeps some.
      http.closeAllConnections()
      return app.close()
    },
  }
}

function decorateMethod({ prototype }: { prototype: object }, name: string, decorate: MethodDecorator): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name)
  if (!descriptor) throw new Error(`There is no method ${name}.`)
  decorate(prototype, name, descriptor)
}
