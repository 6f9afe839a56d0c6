// A type of Grafana's as JSON has it: an enum is one of its values, and what has a default may be left out.
export type Plain<T> = unknown extends T
  ? T
  : T extends string
    ? `${T}`
    : T extends (infer Element)[]
      ? Plain<Element>[]
      : T extends object
        ? { [Key in keyof T]?: Plain<T[Key]> }
        : T;
