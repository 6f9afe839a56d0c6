// Content-addressed files on disk: <runs>/.blobs/<sha256>, and the checkpoints of runs under names
// of their own. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/checkpoint/checkpoint_folder.h"
#include "common/rpc/digest.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// What becomes of a run's checkpoints.
struct CheckpointTerms {
  int keep = 0;        // the newest so many, and the best; 0: all
  std::string corpus;  // that the run is trained on, for their manifests
};

// A file that is being received. It gets its name when all of it is there and matches the header;
// else it is removed. A checkpoint then gets its manifest, and others that are too many go.
class IncomingBlob {
 public:
  ~IncomingBlob();

  // Errors: DataLoss if more arrives than announced; ResourceExhausted and others from the file
  // system.
  absl::Status Append(const std::string& data);
  // `sha256`: what came last, for a header that has none.
  // Errors: DataLoss if size or SHA-256 differ from what was announced; what the file system says.
  absl::Status Commit(const std::string& sha256 = "");

 private:
  friend class BlobStore;
  struct NewCheckpoint {
    std::string run;
    int step;
    CheckpointTerms terms;
  };

  IncomingBlob(v1::BlobHeader header, std::string temporary, std::string path,
               std::shared_ptr<std::atomic<int64_t>> announced_bytes);
  absl::Status Open();
  absl::Status Close();
  // Of a checkpoint that has its name.
  absl::Status Complete();

  v1::BlobHeader header_;
  std::string temporary_;
  std::string path_;
  std::shared_ptr<std::atomic<int64_t>> announced_bytes_;  // of all that are on their way
  std::FILE* file_ = nullptr;
  int64_t received_bytes_ = 0;
  Sha256 digest_;
  std::optional<NewCheckpoint> checkpoint_;
};

class BlobStore {
 public:
  // `runs`: the directory of all runs. `limit_bytes` bounds what lies in .blobs: the least recently
  // used ones that no client of this server has put or asked for make room.
  BlobStore(std::string runs, int64_t limit_bytes);

  // Errors: InvalidArgument if the id is neither "sha256:<hex>" (of the header's own digest) nor
  // "checkpoint:<run>/<step>".
  static absl::Status CheckHeader(const v1::BlobHeader& header);
  // The job of "checkpoint:<job>/<step>" (job_id.h); empty for other ids.
  static std::string RunOfCheckpoint(const std::string& id);

  // An id that stays with the file: of "run:<name>" that of its newest checkpoint, else the same.
  // Errors: those of Find.
  absl::StatusOr<std::string> Pin(const std::string& id);

  // Of the checkpoints that the run saves from now on.
  void SetCheckpointTerms(const std::string& run, CheckpointTerms terms);

  // Where the bytes of "sha256:<hex>", "run:<name>" (its newest sound checkpoint) or
  // "checkpoint:<run>/<step>" lie. A checkpoint is read as a whole, once.
  // Errors: NotFound, DataLoss (a checkpoint that is not what was saved), InvalidArgument (id).
  absl::StatusOr<std::string> Find(const std::string& id);
  // The newest sound checkpoint of a run, of a step below `before`; what is passed over is added to
  // `passed_over`.
  // Errors: NotFound, InvalidArgument (name).
  absl::StatusOr<StoredCheckpoint> FindCheckpoint(const std::string& run, int before,
                                                  std::vector<std::string>* passed_over);

  // Errors: those of CheckHeader, ResourceExhausted if it does not fit the limit, and the file
  // system's.
  absl::StatusOr<std::unique_ptr<IncomingBlob>> Begin(const v1::BlobHeader& header);

 private:
  // A file as it was when its checksum was found right.
  using Seen = std::pair<int64_t, std::string>;  // time of the last change, ns; checksum

  std::string PathOf(const std::string& sha256) const { return directory_ + "/" + sha256; }
  absl::Status MakeRoom(int64_t bytes);
  // CheckBytes, but for a file that has not changed since the last time.
  absl::Status CheckOnce(const StoredCheckpoint& checkpoint);
  absl::StatusOr<std::string> FindStep(const std::string& id);

  const std::string runs_;
  const std::string directory_;
  const int64_t limit_bytes_;
  std::atomic<int> temporaries_{0};
  // Uploads count as if all of them were here.
  const std::shared_ptr<std::atomic<int64_t>> announced_bytes_ =
      std::make_shared<std::atomic<int64_t>>(0);
  std::mutex mutex_;
  std::set<std::string> in_use_;                  // digests
  std::map<std::string, CheckpointTerms> terms_;  // by run
  std::map<std::string, Seen> sound_;             // by path
};

}  // namespace edgetp
