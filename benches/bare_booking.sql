-- The least that a booking can be, sent statement by statement: what Medislot's bookings a second are measured against.
-- Doctors and times are dealt out in turn, so that no two transactions want the same.
\set number :number + 1
\set place :number * 32 + :client_id
\set doctor 1 + :place % 100
BEGIN;
UPDATE calendar SET version = version + 1
    WHERE doctor_id = ('00000000-0000-7000-8000-' || lpad(:doctor::text, 12, '0'))::uuid RETURNING version \gset
INSERT INTO appointment (id, reference, doctor_id, clinic_id, patient_id, starts_at, ends_at, occupied_from, occupied_until,
                         time_zone, status, version, created_at)
    SELECT gen_random_uuid(), 'bare ' || :place, ('00000000-0000-7000-8000-' || lpad(:doctor::text, 12, '0'))::uuid,
           '00000000-0000-7000-a000-000000000001', '00000000-0000-7000-9000-000000000001', starts_at, starts_at + interval '10 minutes', starts_at,
           starts_at + interval '10 minutes', 'UTC', 'PENDING', 1, now()
    FROM (SELECT timestamptz '2030-01-01T00:00:00Z' + :place * interval '10 minutes') AS visit (starts_at);
INSERT INTO calendar_event (doctor_id, version, kind, starts_at, ends_at, occurred_at, published)
    SELECT ('00000000-0000-7000-8000-' || lpad(:doctor::text, 12, '0'))::uuid, :version, 'SLOT_TAKEN',
           starts_at, starts_at + interval '10 minutes', now(), true
    FROM (SELECT timestamptz '2030-01-01T00:00:00Z' + :place * interval '10 minutes') AS visit (starts_at);
COMMIT;
