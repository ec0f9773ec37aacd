//! Typed ids: a UUIDv7 that knows what it names, written as a `TypeID` (`doctor_01h455vb4pex5vsknk084sn02q`).
//!
//! Source: the `TypeID` specification, version 0.3.

use sea_orm::{DbErr, DeriveValueType, TryFromU64};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use type_safe_id::{StaticType, TypeSafeId};
use uuid::Uuid;

/// The string is not the id of such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an id of this type")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, DeriveValueType, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl $name {
            /// What every id of this type begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, later in order than those made before it.
            #[must_use]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::new()
            }
        }

        impl TryFromU64 for $name {
            fn try_from_u64(_: u64) -> Result<Self, DbErr> {
                Err(DbErr::ConvertFromU64(stringify!($name)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                #[derive(Default)]
                struct Kind;
                impl StaticType for Kind {
                    const TYPE: &'static str = $prefix;
                }
                TypeSafeId::from_type_and_uuid(Kind, self.0).fmt(formatter)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                #[derive(Default)]
                struct Kind;
                impl StaticType for Kind {
                    const TYPE: &'static str = $prefix;
                }
                let id: TypeSafeId<Kind> = text.parse().map_err(|_| InvalidId)?;
                Ok(Self(id.uuid()))
            }
        }
    )*};
}

ids! {
    /// Names a person who signs in.
    UserId = "user";
    /// Names a place where a user is signed in.
    SessionId = "session";
    /// Names a tenant.
    ClinicId = "clinic";
    /// Names a field of medicine.
    SpecialtyId = "specialty";
    /// Names a user's professional profile, and the calendar that goes with it.
    DoctorId = "doctor";
    /// Names what a doctor offers.
    VisitTypeId = "visit_type";
    /// Names weekly working hours.
    AvailabilityRuleId = "availability_rule";
    /// Names an exception to the weekly hours, on one date.
    AvailabilityOverrideId = "availability_override";
    /// Names a patient's claim on a doctor's time.
    AppointmentId = "appointment";
    /// Names a note of who saw or changed what.
    AuditEntryId = "audit_entry";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_being_written_and_read() {
        let id = VisitTypeId::new();
        assert!(id.to_string().starts_with("visit_type_"));
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_of_another_type_or_in_another_spelling_is_refused() {
        let id = DoctorId::new().to_string();
        assert_eq!(id.parse::<ClinicId>(), Err(InvalidId));
        assert_eq!(id.to_uppercase().parse::<DoctorId>(), Err(InvalidId));
        assert_eq!("doctor_".parse::<DoctorId>(), Err(InvalidId));
        assert_eq!("".parse::<DoctorId>(), Err(InvalidId));
    }
}
