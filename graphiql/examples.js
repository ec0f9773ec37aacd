import { ask } from "./graphql.js";

const BROWSE = `# Doctors, and the next open slots of each.
# Anybody may ask: run it with the pink button.
query Browse {
  doctors(first: 5) {
    nodes {
      id
      name
      title
      clinic { name timeZone }
      specialties { name }
      nextSlots(first: 3) { id startsAt endsAt }
    }
  }
}
`;

const BOOK = `# Books a slot. First sign in above, as a patient.
# The variables name a slot that was open just now;
# Browse, and the answer of a refusal, name others.
mutation Book($slotId: ID!) {
  bookAppointment(input: { slotId: $slotId }) {
    appointment {
      reference
      status
      startsAt
      endsAt
      doctor { name }
    }
    userErrors {
      code
      message
      ... on SlotUnavailable {
        alternatives { id startsAt }
      }
    }
  }
}
`;

const WATCH = `# Live: changes of a doctor's calendar.
# Run it, then run Book in a second window.
subscription Watch($doctorIds: [ID!]) {
  slotEvents(doctorIds: $doctorIds) {
    kind
    doctorId
    version
    startsAt
    endsAt
    occurredAt
  }
}
`;

const MINE = `# Who you are, and the appointments you may see:
# your own, or your clinic's if you are its admin.
query MyAppointments {
  viewer { name role }
  appointments(first: 10) {
    nodes {
      reference
      status
      startsAt
      doctor { name }
      patient { name }
    }
  }
}
`;

/** Operations to begin with, one a tab; Book and Watch name the same doctor. */
export async function examples() {
  const slot = await openSlot();
  return [
    { query: BROWSE },
    { query: BOOK, variables: pretty({ slotId: slot?.id ?? "the id of a slot, from Browse" }) },
    { query: WATCH, variables: pretty({ doctorIds: [slot?.doctor.id ?? "the id of a doctor, from Browse"] }) },
    { query: MINE },
  ];
}

/** The last of many: the first may have passed before the reader comes to book it. */
async function openSlot() {
  try {
    const { slots } = await ask("{ slots(first: 100, filter: {}) { nodes { id doctor { id } } } }");
    return slots.nodes.at(-1);
  } catch {
    return undefined;
  }
}

function pretty(variables) {
  return JSON.stringify(variables, null, 2);
}
