import * as fc from 'fast-check';

/** What several people do in one group and one direct chat, as data: fast-check makes it and makes it smaller. */

export const names = ['ann', 'bob', 'cyd', 'dan', 'eve'] as const;
export type Name = (typeof names)[number];
/** `ann` owns the group and stays; the direct chat is hers and bob's. */
export const comers = ['bob', 'cyd', 'dan', 'eve'] as const satisfies readonly Name[];
/** Whose devices there are, and on which node each begins. */
export const devices: readonly { name: Name; node: 0 | 1 }[] = [
  { name: 'ann', node: 0 },
  { name: 'ann', node: 1 },
  { name: 'bob', node: 1 },
  { name: 'bob', node: 0 },
  { name: 'cyd', node: 0 },
  { name: 'dan', node: 1 },
  { name: 'eve', node: 0 },
];

export type Place = 'group' | 'direct';
export type Door = 'rest' | 'socket';
type NodeIndex = 0 | 1;

export type Op =
  | {
      do: 'send';
      who: Name;
      place: Place;
      door: Door;
      node: NodeIndex;
      /** Sent a second time at the very same moment, by this door of the other node. */
      twin: Door | 'none';
      /** Sent once more after the acknowledgement. */
      again: boolean;
    }
  /** One of the messages so far, sent once more by its sender; the number chooses it. */
  | { do: 'resend'; which: number; door: Door; node: NodeIndex }
  /** Reads up to this thousandth of the chat; above 1,000: beyond its end. */
  | { do: 'read'; who: Name; place: Place; door: Door; node: NodeIndex; thousandth: number }
  | { do: 'add'; whom: Name; node: NodeIndex }
  | { do: 'remove'; whom: Name; node: NodeIndex }
  | { do: 'leave'; who: Name; node: NodeIndex }
  | { do: 'drop'; device: number }
  | { do: 'back'; device: number; node: NodeIndex }
  | { do: 'sync'; device: number };

/** Groups of things that happen at once, one group after the other. */
export type Script = Op[][];

const name = fc.constantFrom(...names);
const comer = fc.constantFrom(...comers);
const place = fc.constantFrom<Place>('group', 'group', 'direct');
const door = fc.constantFrom<Door>('rest', 'socket');
const node = fc.constantFrom<NodeIndex>(0, 1);
const device = fc.nat({ max: devices.length - 1 });

const send = fc.record({
  do: fc.constant('send' as const),
  who: name,
  ...{ place, door, node },
  twin: fc.constantFrom<Door | 'none'>('none', 'none', 'rest', 'socket'),
  again: fc.boolean(),
});
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 10, arbitrary: send },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('resend' as const), which: fc.nat(), door, node }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      who: name,
      ...{ place, door, node },
      thousandth: fc.nat({ max: 1_300 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('add' as const), whom: comer, node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('remove' as const), whom: comer, node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), who: comer, node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), device }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), device, node }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sync' as const), device }) },
);

export const script: fc.Arbitrary<Script> = fc.array(fc.array(op, { minLength: 1, maxLength: 9 }), {
  minLength: 4,
  maxLength: 10,
  size: 'max',
});

/** Whose membership this changes, if anybody's. */
export function comesOrGoes(what: Op): Name | null {
  if (what.do === 'add' || what.do === 'remove') return what.whom;
  return what.do === 'leave' ? what.who : null;
}
