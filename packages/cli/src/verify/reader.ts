/** The one way by which a verifier sees a bundle: a directory now, an archive or a remote store later. */
export interface BundleReader {
  /** What lies in the bundle, by name; not what lies beneath directories, since a bundle has none. */
  entries(): Promise<readonly BundleEntry[]>;
  /** The bytes of a file, in portions. Rejects where it cannot be read. */
  read(name: string): AsyncIterable<Uint8Array>;
}

export interface BundleEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "symlink" | "other";
  /** Bytes. */
  readonly size: number;
}
