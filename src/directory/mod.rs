//! Who can be found: clinics, specialties, doctors and what they offer.

mod model;
mod places;
mod roles;
mod service;
mod store;
mod watch;

pub use model::{
    CancellationPolicy, Clinic, ClinicPatch, Doctor, DoctorFilter, DoctorPatch, NewClinic, NewDoctor, NewSpecialty,
    SavedVisitType, Specialty, SpecialtyPatch, VisitMode, VisitType,
};
pub use service::{Directory, check_search};
pub use store::{
    clinics, doctor_ids, doctors, doctors_of_clinics, doctors_of_specialties, doctors_of_users, listed_ids,
    specialties, specialties_of, specialty_by_slug, visit_types, visit_types_of,
};
pub use watch::Register;
