// SPDX-License-Identifier: BSD-2-Clause
// Small .xz files as xz 5.4 makes them, and a maker of .xz files whose data is not compressed, for tests that need
// large ones or wrong ones. The .xz File Format 1.2.1.
import { crc32 } from "../../src/base/crc32.ts";

/** What {@link XZ_FILES} of kind "text" hold. */
export const XZ_TEXT = Array.from(
  { length: 60 },
  (_, i) => `line ${i}: the quick brown fox jumps over the lazy dog ${(i * i) % 97}\n`,
).join("");

/** Made with `xz -c`, and these options. */
export const XZ_FILES: readonly {
  name: string;
  holds: "text" | "zeroes" | "nothing";
  base64: string;
}[] = [
  {
    name: "crc64",
    holds: "text",
    base64:
      "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4A0MARddADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf2RQnudR8LrYRe1r+uiwlKzByb4ZPocYMN1LbRlzflBQWrDRdlAIDMcvctud079kslHADsTbQF2qI/0wLHPXeyOkuaBfAKBz05Qo/WSa1RCLuczThg7/CARziYWRhDEGL+o5AJGjp70LwIeEMlF/p/sMRWV7BUt9iWgknYFoJ5drM0Saoy5x5+96jXJyGeslzbjon2Ny2n1E/jpX4wabFZcozD8OPc9KoUI5bjP25ZtyUL1Y7qkXdRIO+sIoc0WxhgnQbKReUpkx7/WZqv22WzDeAltxMj9XzZPm8uINbKblChzS3wdBAAAAk+NnnYNXF3cAAbMCjRoAACauSSuxxGf7AgAAAAAEWVo=",
  },
  {
    name: "crc32",
    holds: "text",
    base64:
      "/Td6WFoAAAFpIt42AgAhAQwAAACPmEGc4A0MASVdADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf6P0Rg6qzigNSrnkD7m6gVLg9kr+lP8+2jLrT4j5TFMtB7ds/EwGKcsvFmU/e9eXVFE4psjnvbaYh3XAtIDz0W1spe8CrMDiC2id3vT78WTo98v6867msP57b3Oo0xWWof/vh92inANHOC/RJPIjHQHFJFaBqOUaBGanoTQOy/Jk7XZaeuJYtikLg8/N8FCA+t0SpTLOVhHuBEy7nI6/d6Rq8/S9V06R+W1aafQ5Ni7tYcD5FipHtTHdhI2o9vAAU0QJp0LqJp1r+LKxqvvtwMhLAgCKO0PU0drlkEHsLs9ZKLX83P2XjDnOdHltiin9YFCl5RtIAAAAAEBw2ywAAb0CjRoAAFbPQxE+MA2LAgAAAAABWVo=",
  },
  {
    name: "sha256",
    holds: "text",
    base64:
      "/Td6WFoAAArh+wyhAgAhARYAAAB0L+Wj4A0MARddADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf2RQnudR8LrYRe1r+uiwlKzByb4ZPocYMN1LbRlzflBQWrDRdlAIDMcvctud079kslHADsTbQF2qI/0wLHPXeyOkuaBfAKBz05Qo/WSa1RCLuczThg7/CARziYWRhDEGL+o5AJGjp70LwIeEMlF/p/sMRWV7BUt9iWgknYFoJ5drM0Saoy5x5+96jXJyGeslzbjon2Ny2n1E/jpX4wabFZcozD8OPc9KoUI5bjP25ZtyUL1Y7qkXdRIO+sIoc0WxhgnQbKReUpkx7/WZqv22WzDeAltxMj9XzZPm8uINbKblChzS3wdBAAAAvaZOBRhZYR4CRRksqerLOLoVfyYXj1g96eUV0WpGuXEAAcsCjRoAAIohOMy26d8cAgAAAAAKWVo=",
  },
  {
    name: "none",
    holds: "text",
    base64:
      "/Td6WFoAAAD/EtlBAgAhARYAAAB0L+Wj4A0MARddADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf2RQnudR8LrYRe1r+uiwlKzByb4ZPocYMN1LbRlzflBQWrDRdlAIDMcvctud079kslHADsTbQF2qI/0wLHPXeyOkuaBfAKBz05Qo/WSa1RCLuczThg7/CARziYWRhDEGL+o5AJGjp70LwIeEMlF/p/sMRWV7BUt9iWgknYFoJ5drM0Saoy5x5+96jXJyGeslzbjon2Ny2n1E/jpX4wabFZcozD8OPc9KoUI5bjP25ZtyUL1Y7qkXdRIO+sIoc0WxhgnQbKReUpkx7/WZqv22WzDeAltxMj9XzZPm8uINbKblChzS3wdBAAAAAAGrAo0aAADQLszEqAAK/AIAAAAAAFla",
  },
  {
    name: "blocks",
    holds: "text",
    base64:
      "/Td6WFoAAATm1rRGA8CYAegHIQEWAAAAixOVeeAD5wCQXQA2GkofCKAmVk4NbLil7WOcjnzbTvaeS3gYVlz3JuvUo24cRhAMWGrnQZIdf1hLxX9kUJ7nUfC62EXta/rosJSswcm+GT6HGDDdS20Zc35QUFqw0XZQCAzHL3LbndO/ZLJRwA7E20BdqiP9MCxz13sjpLmgXwCgc9OUKP1kmtUQi7nM04YO/wgEc4mFSE8a9AAAosfF5ih3UWwDwJcB6AchARYAAAAGSJ6I4APnAI9dABAdCQZnQnNls5PjHIsn+WILrkbmpSzjXc0KSLV2wc6SHU6gek49tlAz4EwtlIX41ZsIcin6kPxc9pg26yLefdXEvq5c64STOsBNgF4VPmeJYTK9KTuHCIwcDJ+wHl1h/TTVHe829HgizSWUOepvydrLvnPF2K18sdnDlBYKPUrsvYgIJ8v83vwjzX+2zP0AAADEVc6fJa3lwwPAkAHoByEBFgAAAH9TQmrgA+cAiF0ANJuIznSYSgmRwXxNOB0fmsXekwuVZlyZJHdW1kJWL5N3jHBojZwrrel70TYOxHRFcpCjq/suQwPJrJBgt0vYF54ixXdZmLlXJAy4OJAaO8jOMqv0deU406QxOvMUDFFXId6saaG6tzh30N/9pGLhNQVAJ4OEVUk5fF8QU5/cCh800TCbB9OUPAAWofU9OcVyEgPAYdUCIQEWAAAAAAXXRMLgAVQAWV0AN5nAApDTFYFOqpGYheByDsu1PGIWhPHSHdyDpsXpxhDE2oyDUz2ADHaJhV4D79YTdU9CpyiIi0Jto+o6NkFJycBAaitJGKQ/bFXep4m6ZhZHqjMEaBTxCQAAAAAAw5LA2eeXiXwABLAB6AevAegHqAHoB3nVAgAAAOgP22wJ9GLmBQAAAAAEWVo=",
  },
  {
    name: "properties",
    holds: "text",
    base64:
      "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4A0MASkSADYbHRTfEeZf5EMsBp57/QKmjVwkrlBxvtF+JvriJvMcCGUwOR1LgoXXyuJfe+u8ztPoYshIiXwTwGFKOwRL13hd1/92ODsV5v/KhlwK6+L5OX0QTLi6Ri4RLd1BMkgQkvpdpRdgG9u53+VkqDqhBY2xpG0RGWPdifts3daULo9HHCAjwY6UMHBEc+53wzrk5gTOYOl3t06AMFBq1udAjAQNR4E9j/BBNYu/N1u7U6Ihw7E4mWMJkcUEntHVMr4D6nUWJBGnsR3rTtwhedMvNxPHSnIo0L1jnMrtPtc15UU5o8SKQBgUlAOypTfP7QzwdSOG9eh94LV+5+cvsycsIgHIkAudpRf/XQBKucupIU6cqjyCd+xfqiiDfFCmC+Mxpqhs5HdaoCZxAAAAAACT42edg1cXdwABxQKNGgAA+kAy9rHEZ/sCAAAAAARZWg==",
  },
  {
    name: "zeroes",
    holds: "zeroes",
    base64:
      "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj5JPfAG9dAABv/f//o7f/Rz5IFXI5YVG4kijmo4YH+e7kHoLTL8U6PAFLsX7JiopNL6MN2X+m44wjEVPgWRjFdYrid/i2lH8MasDedElk4ulcU7IE2PdEDKtfDW1G6eXDdoi3llestk3haR1v+0uIEGw1jEDBAAAAH58pcZX/q9AAAYsB4KcSAHhj/vixxGf7AgAAAAAEWVo=",
  },
  { name: "empty", holds: "nothing", base64: "/Td6WFoAAATm1rRGAAAAABzfRCEftvN9AQAAAAAEWVo=" },
  {
    name: "two streams",
    holds: "text",
    base64:
      "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4APnAJBdADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf2RQnudR8LrYRe1r+uiwlKzByb4ZPocYMN1LbRlzflBQWrDRdlAIDMcvctud079kslHADsTbQF2qI/0wLHPXeyOkuaBfAKBz05Qo/WSa1RCLuczThg7/CARziYVITxr0AACix8XmKHdRbAABrAHoBwAAqlNvhrHEZ/sCAAAAAARZWgAAAAAAAAAA/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AkkAONdABAdCQZnQnNls5PjHIsn+WILrkbmpSzjXc0KSLV2wc6SHU6gek49tlAz4EwtlIX41ZsIcin6kPxc9pg26yLefdXEvq5c64STOsBNgF4VPmeJYTK9KTuHCIwcDJ+wHl1h/TTVHe829HgizSWUOepvydrLvnPF2K18sdnDlBYKPUrsvYgIJ8v83vwjzYGesiQGr8aWWbEtZp8DX0S7M/gI/YXf7iBECYcN3fC/wNaht7aaqNO+KzJRltK3eKYApgO5ikkSQmgKaMLDXqNLF+7hu/I4+1Amx0hOEzmrOrgur2JK/IxQAAAcYzj/O8EpTQAB/wGlEgAAiMjmf7HEZ/sCAAAAAARZWg==",
  },
];

/** Filters that are not read: delta, and the one for x86 code. */
export const XZ_OTHER_FILTERS: readonly string[] = [
  "/Td6WFoAAATm1rRGAgEDAQAhARZ5IMTu4A0MAZxdADY/PK96aAVU10Cpqtq394WIVmR4zqKg31X+8RtRzMewU/yKwIRBfWQgeVg5j5TK292HDv+zjNm8KZQUKSypWNlaqZESA8cooI11ct3b/NklNFHQ/MCXqFxe4IyONS1FWtkpGBwQXTo7QkJ21j3H/oAzaHKWZcq3Lj+0Hy5kYraSdUtE95tF9Kg8DOBYPf9A70Sbgd2g8g5t7jHYSefGfMlUJnhfcm7cXjDpqF0z7j6ySAvgcweyBalfi8gnzksm+Ayw7wd2Z3orwB+Lj/yYO0o6LvfCZfM+PUKrrQzQ7CU8mB0pkkSc5zRBNxy/qzCl5eg5ho7qhHrjjUFm7k09+KBwgHpwEDyCL/vndIdYCjAJMMYIZxF/Ve+BWWbau6Pc4CE3z85Rqhu9qVDlUgba2Yw0PyLqVj247GgRsL43xpum1VjmCDfJa6w8H1/Dx9jjt8liszG+LyYw7Eubu/HM+YwyvC9KeYSD/q5epFJ/2rsGzivztDYYv00L02hyJDnXgRVW2HMBMuzKSwM5fnnkywTZZnHjHW5Ae6GFB+oAk+NnnYNXF3cAAbgDjRoAAFV37nyxxGf7AgAAAAAEWVo=",
  "/Td6WFoAAATm1rRGAgEEACEBFgANhjUf4A0MARddADYaSh8IoCZWTg1suKXtY5yOfNtO9p5LeBhWXPcm69SjbhxGEAxYaudBkh1/WEvFf2RQnudR8LrYRe1r+uiwlKzByb4ZPocYMN1LbRlzflBQWrDRdlAIDMcvctud079kslHADsTbQF2qI/0wLHPXeyOkuaBfAKBz05Qo/WSa1RCLuczThg7/CARziYWRhDEGL+o5AJGjp70LwIeEMlF/p/sMRWV7BUt9iWgknYFoJ5drM0Saoy5x5+96jXJyGeslzbjon2Ny2n1E/jpX4wabFZcozD8OPc9KoUI5bjP25ZtyUL1Y7qkXdRIO+sIoc0WxhgnQbKReUpkx7/WZqv22WzDeAltxMj9XzZPm8uINbKblChzS3wdBAAAAk+NnnYNXF3cAAbMCjRoAACauSSuxxGf7AgAAAAAEWVo=",
];

/** The bytes as an .xz file of one block, with CRC32s, in plain chunks. */
export function plainXz(bytes: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 65536) {
    const data = bytes.subarray(at, at + 65536);
    chunks.push(
      Uint8Array.of(at === 0 ? 1 : 2, (data.length - 1) >> 8, (data.length - 1) & 0xff),
      data,
    );
  }
  const data = Buffer.concat([...chunks, Uint8Array.of(0)]);
  // One filter, LZMA2, with a dictionary of 1 MiB.
  const header = withCrc(Uint8Array.of(2, 0, 0x21, 1, 16, 0, 0, 0));
  const block = Buffer.concat([header, padded(data), le32(crc32(bytes))]);
  const sizes = [...vli(header.length + data.length + 4), ...vli(bytes.length)];
  const index = withCrc(padded(Uint8Array.of(0, 1, ...sizes)));
  const flags = Uint8Array.of(0, 1);
  const ending = Buffer.concat([le32(index.length / 4 - 1), flags]);
  return Buffer.concat([
    ...[Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), withCrc(flags), block, index],
    ...[le32(crc32(ending)), ending, Uint8Array.of(0x59, 0x5a)],
  ]);
}

function withCrc(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, le32(crc32(bytes))]);
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array(-bytes.length & 3)]);
}

function le32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function vli(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...vli(Math.floor(value / 128))];
}
