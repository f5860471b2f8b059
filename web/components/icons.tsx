/** The few pictures this product has, drawn on a 20-unit grid, coloured by the text around them. */
import type { ReactNode } from "react";

function Icon({ children, size = 20 }: { children: ReactNode; size?: number }) {
  return (
    <svg
      aria-hidden="true"
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {children}
    </svg>
  );
}

export const Pencil = () => (
  <Icon>
    <path d="M12.9 4.3l2.8 2.8M4 16l.7-3.3 8.6-8.6a1.6 1.6 0 0 1 2.3 0l.3.3a1.6 1.6 0 0 1 0 2.3l-8.6 8.6L4 16z" />
  </Icon>
);

export const Bin = () => (
  <Icon>
    <path d="M4 5.8h12M8.2 5.6V4.4c0-.5.4-.9.9-.9h1.8c.5 0 .9.4.9.9v1.2M5.5 5.8l.7 9.2c.1.8.7 1.5 1.6 1.5h4.4c.9 0 1.5-.7 1.6-1.5l.7-9.2M8.4 9v4.5M11.6 9v4.5" />
  </Icon>
);

export const Cross = () => (
  <Icon>
    <path d="M5.5 5.5l9 9M14.5 5.5l-9 9" />
  </Icon>
);

export const Lens = () => (
  <Icon>
    <circle cx="9" cy="9" r="5" />
    <path d="M12.8 12.8L16.5 16.5" />
  </Icon>
);

export const Plus = () => (
  <Icon>
    <path d="M10 4.5v11M4.5 10h11" />
  </Icon>
);

export const Lines = () => (
  <Icon>
    <path d="M4 6h12M4 10h12M4 14h7" />
  </Icon>
);

export const Sun = () => (
  <Icon>
    <circle cx="10" cy="10" r="3.2" />
    <path d="M10 2.5v1.6M10 15.9v1.6M2.5 10h1.6M15.9 10h1.6M4.7 4.7l1.1 1.1M14.2 14.2l1.1 1.1M4.7 15.3l1.1-1.1M14.2 5.8l1.1-1.1" />
  </Icon>
);

export const Cloud = () => (
  <Icon>
    <path d="M3.5 3.5l13 13M7.2 5.6A4.3 4.3 0 0 1 14 8.3a3.4 3.4 0 0 1 2.3 5.3M13 15.5H6.2a3.3 3.3 0 0 1-.9-6.5c0-.4.1-.9.3-1.3" />
  </Icon>
);

export const Clock = () => (
  <Icon>
    <circle cx="10" cy="10" r="6.5" />
    <path d="M10 6.5V10l2.3 1.6" />
  </Icon>
);

/** A shield that is also a ticked box: the name and the thing. */
export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg aria-hidden="true" width={size} height={size} viewBox="0 0 32 32" fill="none">
      <path
        d="M16 2.5l11 3.6v9.2c0 6.6-4.4 11.7-11 14.2C9.4 27 5 21.9 5 15.3V6.1L16 2.500z"
        fill="var(--accent)"
      />
      <path
        d="M10.8 15.8l3.7 3.8 7-7.6"
        stroke="var(--on-accent)"
        strokeWidth="2.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
