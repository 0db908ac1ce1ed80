type Question = { asked: Set<string> | null; answered: Set<string>; settle: () => void };

/** Questions to the other nodes that wait for their answers. */
export type Questions = {
  open(): {
    id: number;
    answersOf(nodes: ReadonlySet<string>, timeoutMs: number): Promise<string[]>;
    drop(): void;
  };
  answer(id: number, from: string): void;
  /** The node says goodbye: nobody waits for it any more. */
  gone(nodeId: string): void;
};

export function createQuestions(): Questions {
  const questions = new Map<number, Question>();
  let last = 0;

  const settleIfComplete = (question: Question): void => {
    if (question.asked !== null && [...question.asked].every((id) => question.answered.has(id)))
      question.settle();
  };

  return {
    open: () => {
      const id = (last += 1);
      // Answers may come before it is known whose are awaited: they are kept.
      const question: Question = { asked: null, answered: new Set(), settle: () => undefined };
      questions.set(id, question);
      return {
        id,
        /** Resolves to those who have not answered in time. */
        answersOf: async (nodes, timeoutMs) => {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, timeoutMs);
            question.asked = new Set(nodes);
            question.settle = () => {
              clearTimeout(timer);
              resolve();
            };
            settleIfComplete(question);
          });
          questions.delete(id);
          return [...nodes].filter((node) => !question.answered.has(node));
        },
        drop: () => questions.delete(id),
      };
    },
    answer: (id, from) => {
      const question = questions.get(id);
      question?.answered.add(from);
      if (question !== undefined) settleIfComplete(question);
    },
    gone: (nodeId) => {
      for (const question of questions.values()) {
        question.answered.add(nodeId);
        settleIfComplete(question);
      }
    },
  };
}
