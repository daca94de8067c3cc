// Keeps one WebSocket to the server's live feed, for ever: reconnects with back-off, and drops a socket that says nothing.

import { backoffMs } from "./backoff";
import { BadFrame, decodeFrame, type Frame } from "./columns";
import { type Message, readMessage } from "./messages";

/** A socket without a frame for this long is dead even if TCP does not know it yet. */
const DEAD_AFTER_MS = 12_000;

export interface FeedHandlers {
  onOpen(): void;
  onClose(retryInMs: number): void;
  onFrame(frame: Frame): void;
  onMessage(message: Message): void;
  /** Something arrived that cannot be used; the socket is closed and opened again for a fresh snapshot. */
  onBad(why: string): void;
}

export class Feed {
  private socket: WebSocket | null = null;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly url: string,
    private readonly handlers: FeedHandlers,
  ) {}

  connect(): void {
    clearTimeout(this.retry);
    this.socket?.close();
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.guard(socket);
    socket.onopen = () => this.handlers.onOpen();
    socket.onmessage = (event: MessageEvent<unknown>) => {
      if (socket === this.socket) this.take(socket, event.data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.lost();
    };
  }

  close(): void {
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private guard(socket: WebSocket): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.drop(socket), DEAD_AFTER_MS);
  }

  private take(socket: WebSocket, data: unknown): void {
    this.guard(socket);
    try {
      if (data instanceof ArrayBuffer) {
        const frame = decodeFrame(data);
        this.attempt = 0;
        this.handlers.onFrame(frame);
      } else if (typeof data === "string") {
        const message = readMessage(data);
        if (message) this.handlers.onMessage(message);
      }
    } catch (error) {
      if (!(error instanceof BadFrame || error instanceof SyntaxError)) throw error;
      this.handlers.onBad(error.message);
      this.drop(socket);
    }
  }

  /** Gives a socket up without waiting for its closing handshake, which a dead peer never sends. */
  private drop(socket: WebSocket): void {
    if (socket !== this.socket) return;
    socket.onclose = null;
    socket.close();
    this.lost();
  }

  private lost(): void {
    clearTimeout(this.watchdog);
    this.socket = null;
    const wait = backoffMs(this.attempt++, Math.random());
    this.handlers.onClose(wait);
    this.retry = setTimeout(() => this.connect(), wait);
  }
}
