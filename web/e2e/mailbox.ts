/** A real SMTP server on loopback that keeps what it is sent. */
import { text } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

interface Letter {
  to: string[];
  raw: string;
}

export class Mailbox {
  readonly letters: Letter[] = [];
  private readonly server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    onData: (stream, session, done) => {
      void text(stream).then((raw) => {
        this.letters.push({ to: session.envelope.rcptTo.map(({ address }) => address), raw });
        done();
      });
    },
  });

  async start(port: number): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(port, "127.0.0.1", resolve));
  }

  /** The links sent to an address, oldest first, with the line breaks of quoted-printable taken out. */
  links(to: string): string[] {
    return this.letters
      .filter((letter) => letter.to.includes(to))
      .map(({ raw }) => raw.replace(/=\r\n/g, "").replace(/=3D/g, "="))
      .flatMap((raw) => raw.match(/^https?:\S+/m) ?? []);
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.server.close(resolve));
  }
}
