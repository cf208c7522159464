//! What is known of each call beforehand: for clients that list them and tests that try them all.

use crate::{Code, wire};

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct CallInfo {
    /// Its control code.
    pub code: Code,
    /// Its name, as the client's command line has it.
    pub name: &'static str,
    /// The Windows call that it is about, or what it does if it is about none.
    pub windows_call: &'static str,
    /// The length of its request's structure, without data.
    pub request_size: usize,
    /// Whether data follows the structure.
    pub data: Data,
    /// The length of its answer, where that does not depend on the request.
    pub answer_size: usize,
}

/// Whether a request has data, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// None.
    None,
    /// After the structure.
    Follows,
    /// In the second buffer, to be read by the driver.
    SecondBuffer,
    /// The answer's length is in the request.
    Asked,
}

macro_rules! table {
    ($($code:ident $name:literal $windows_call:literal $request:ident $data:ident $answer:ty;)*) => {
        /// Every call, in the order of the codes.
        pub const CALLS: &[CallInfo] = &[$(Code::$code.info()),*];

        impl Code {
            /// What is known of the call beforehand.
            #[must_use]
            pub const fn info(self) -> CallInfo {
                match self {
                    $(Self::$code => CallInfo {
                        code: self,
                        name: $name,
                        windows_call: $windows_call,
                        request_size: size_of::<wire::$request>(),
                        data: Data::$data,
                        answer_size: size_of::<$answer>(),
                    },)*
                }
            }
        }
    };
}

table! {
    QueryVersion "version" "DeviceIoControl" Plain None wire::VersionAnswer;
    Statistics "statistics" "DeviceIoControl" Plain None wire::StatisticsAnswer;
    CreateMemory "create" "WdfMemoryCreate" CreateMemory None wire::CreatedAnswer;
    CreatePreallocated "preallocated" "WdfMemoryCreatePreallocated" CreatePreallocated None wire::CreatedAnswer;
    AssignBuffer "assign" "WdfMemoryAssignBuffer" AssignBuffer None wire::CreatedAnswer;
    CreateLookaside "list" "WdfLookasideListCreate" CreateLookaside None wire::CreatedAnswer;
    CreateFromLookaside "take" "WdfMemoryCreateFromLookaside" Named None wire::CreatedAnswer;
    Delete "delete" "WdfObjectDelete" Named None ();
    InitializeExList "ex-initialize" "ExInitializePagedLookasideList" InitializeExList None wire::CreatedAnswer;
    AllocateEntry "ex-allocate" "ExAllocateFromPagedLookasideList" Named None wire::CreatedAnswer;
    FreeEntry "ex-free" "ExFreeToPagedLookasideList" FreeEntry None ();
    DeleteExList "ex-delete" "ExDeletePagedLookasideList" Named None ();
    Write "write" "WdfMemoryCopyFromBuffer" Place Follows ();
    Read "read" "WdfMemoryCopyToBuffer" Range Asked ();
    Fill "fill" "WdfMemoryGetBuffer" Fill None ();
    Copy "copy" "WdfMemoryCopyFromBuffer" Copy None ();
    Checksum "checksum" "WdfMemoryGetBuffer" Checksum None wire::ChecksumAnswer;
    Transform "transform" "WdfMemoryCreatePreallocated" Transform Follows ();
    BulkWrite "bulk-write" "WdfMemoryGetBuffer" Place SecondBuffer ();
    BulkRead "bulk-read" "WdfMemoryGetBuffer" Range Asked ();
}
