#include "server/blob_store.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/byte_source.h"
#include "common/base/job_id.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/data/safetensors.h"
#include "server/run_directory.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kSha256Prefix[] = "sha256:";
constexpr char kRunPrefix[] = "run:";
constexpr char kCheckpointPrefix[] = "checkpoint:";
constexpr char kUnfinished[] = ".tmp";
// Of a checkpoint's metadata, where its step was evaluated.
constexpr char kValidationLoss[] = "edgetp.validation_loss";
// Longer than any upload may take (kLongestTransfer): what is left of one that a killed server was
// taking.
constexpr std::chrono::hours kUnfinishedKept{2};

struct CheckpointId {
  std::string run;
  int step;
};

absl::StatusOr<CheckpointId> ParseCheckpointId(const std::string& id) {
  const std::string rest = id.substr(sizeof(kCheckpointPrefix) - 1);
  const size_t slash = rest.rfind('/');
  CheckpointId parsed{RunOfJob(rest.substr(0, slash)), -1};
  if (slash == std::string::npos || !absl::SimpleAtoi(rest.substr(slash + 1), &parsed.step) ||
      parsed.step < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("blob id '", id, "': want checkpoint:<run>/<step>"));
  }
  RETURN_IF_ERROR(CheckRunName(parsed.run));
  return parsed;
}

struct FoundFile {
  fs::file_time_type time;
  fs::path path;
  int64_t bytes;
};

std::vector<FoundFile> OldestFirst(const std::string& directory) {
  std::vector<FoundFile> files;
  std::error_code error;
  for (fs::directory_iterator at(directory, error); !error && at != fs::directory_iterator();
       at.increment(error)) {
    std::error_code raced;  // another process may have removed it
    FoundFile file{at->last_write_time(raced), at->path(),
                   static_cast<int64_t>(at->file_size(raced))};
    if (raced) continue;
    if (file.path.extension() != kUnfinished) {
      files.push_back(std::move(file));
    } else if (fs::file_time_type::clock::now() - file.time > kUnfinishedKept) {
      fs::remove(file.path, raced);
    }
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.time < b.time; });
  return files;
}

// What a checkpoint's metadata says; nothing where it says none, or cannot be read.
std::optional<double> ValidationLossOf(const std::string& path) {
  const auto bytes = OpenFileBytes(path);
  if (!bytes.ok()) return std::nullopt;
  const absl::StatusOr<StoredFile> file = OpenSafetensors(*bytes);
  if (!file.ok()) return std::nullopt;
  const auto said = file->metadata.find(kValidationLoss);
  double loss = 0;
  if (said == file->metadata.end() || !absl::SimpleAtod(said->second, &loss)) return std::nullopt;
  return loss;
}

}  // namespace

IncomingBlob::IncomingBlob(v1::BlobHeader header, std::string temporary, std::string path,
                           std::shared_ptr<std::atomic<int64_t>> announced_bytes)
    : header_(std::move(header)),
      temporary_(std::move(temporary)),
      path_(std::move(path)),
      announced_bytes_(std::move(announced_bytes)) {
  *announced_bytes_ += header_.size_bytes();
}

IncomingBlob::~IncomingBlob() {
  *announced_bytes_ -= header_.size_bytes();
  if (file_ != nullptr) std::fclose(file_);
  std::error_code ignored;  // after Commit there is nothing to remove
  fs::remove(temporary_, ignored);
}

absl::Status IncomingBlob::Open() {
  file_ = std::fopen(temporary_.c_str(), "wb");
  if (file_ == nullptr)
    return absl::ErrnoToStatus(errno, absl::StrCat("put blob: open ", temporary_, " (in --runs)"));
  return absl::OkStatus();
}

absl::Status IncomingBlob::Append(const std::string& data) {
  received_bytes_ += static_cast<int64_t>(data.size());
  if (received_bytes_ > header_.size_bytes()) {
    return absl::DataLossError(absl::StrCat("put blob: more bytes than announced (want=",
                                            header_.size_bytes(), " got=", received_bytes_, ")"));
  }
  digest_.Update(data.data(), data.size());
  if (std::fwrite(data.data(), 1, data.size(), file_) == data.size()) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("put blob: write ", path_));
}

absl::Status IncomingBlob::Close() {
  const std::string attempt = absl::StrCat("put blob: write ", path_);
  // A corpus can be put again; a checkpoint is there to outlive whatever happens next.
  absl::Status status;
  if (checkpoint_.has_value() && (std::fflush(file_) != 0 || fsync(fileno(file_)) != 0))
    status = absl::ErrnoToStatus(errno, attempt);
  if (std::fclose(std::exchange(file_, nullptr)) != 0 && status.ok())
    status = absl::ErrnoToStatus(errno, attempt);
  return status;
}

absl::Status IncomingBlob::Complete() {
  const auto& [run, step, terms] = *checkpoint_;
  CheckpointManifest manifest{.run = run,
                              .step = step,
                              .size_bytes = received_bytes_,
                              .sha256 = header_.sha256(),
                              .validation_loss = ValidationLossOf(path_),
                              .corpus = terms.corpus,
                              .version = kVersion};
  if (const absl::Status written = WriteManifest(path_, manifest); !written.ok()) {
    std::error_code ignored;  // without a manifest it only takes the room that was missing
    fs::remove(path_, ignored);
    return Annotate(written, "put blob");
  }
  if (terms.keep > 0) RemoveOldCheckpoints(fs::path(path_).parent_path().string(), terms.keep);
  return absl::OkStatus();
}

absl::Status IncomingBlob::Commit(const std::string& last) {
  if (header_.sha256().empty()) header_.set_sha256(last);
  RETURN_IF_ERROR(Close());
  if (received_bytes_ != header_.size_bytes()) {
    return absl::DataLossError(absl::StrCat("put blob: size mismatch (want=", header_.size_bytes(),
                                            " got=", received_bytes_, ")"));
  }
  const std::string sha256 = digest_.HexDigest();
  if (sha256 != header_.sha256()) {
    return absl::DataLossError(
        absl::StrCat("put blob: SHA-256 mismatch (want=", header_.sha256(), " got=", sha256, ")"));
  }
  std::error_code error;
  fs::rename(temporary_, path_, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("put blob: rename to ", path_));
  return checkpoint_.has_value() ? Complete() : absl::OkStatus();
}

BlobStore::BlobStore(std::string runs, int64_t limit_bytes)
    : runs_(std::move(runs)), directory_(runs_ + "/.blobs"), limit_bytes_(limit_bytes) {}

absl::Status BlobStore::CheckHeader(const v1::BlobHeader& header) {
  // The digest of a checkpoint comes last: its bytes are sent as they are gathered.
  const bool checkpoint = absl::StartsWith(header.id(), kCheckpointPrefix);
  const bool digest = IsSha256Hex(header.sha256()) || (checkpoint && header.sha256().empty());
  if (!digest || header.size_bytes() < 0) {
    return absl::InvalidArgumentError(
        "put blob: the first chunk lacks its header (id, size_bytes, sha256)");
  }
  if (checkpoint) return ParseCheckpointId(header.id()).status();
  if (header.id() == absl::StrCat(kSha256Prefix, header.sha256())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "blob id '", header.id(), "': want sha256:<the header's sha256> or checkpoint:<run>/<step>"));
}

std::string BlobStore::RunOfCheckpoint(const std::string& id) {
  if (!absl::StartsWith(id, kCheckpointPrefix)) return "";
  if (!ParseCheckpointId(id).ok()) return "";
  const size_t begin = sizeof(kCheckpointPrefix) - 1;
  return id.substr(begin, id.rfind('/') - begin);
}

void BlobStore::SetCheckpointTerms(const std::string& run, CheckpointTerms terms) {
  const std::lock_guard<std::mutex> lock(mutex_);
  terms_[run] = std::move(terms);
}

absl::Status BlobStore::CheckOnce(const StoredCheckpoint& checkpoint) {
  struct stat facts = {};
  if (stat(checkpoint.path.c_str(), &facts) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("get blob: look at ", checkpoint.path));
  const Seen seen{facts.st_mtim.tv_sec * int64_t{1'000'000'000} + facts.st_mtim.tv_nsec,
                  checkpoint.manifest.sha256};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto known = sound_.find(checkpoint.path);
    if (known != sound_.end() && known->second == seen) return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckBytes(checkpoint));
  const std::lock_guard<std::mutex> lock(mutex_);
  sound_[checkpoint.path] = seen;
  return absl::OkStatus();
}

absl::StatusOr<StoredCheckpoint> BlobStore::FindCheckpoint(const std::string& run, int before,
                                                           std::vector<std::string>* passed_over) {
  RETURN_IF_ERROR(CheckRunName(run));
  CheckpointList list = ListCheckpoints(CheckpointFolder(runs_, run));
  auto newest =
      NewestSound(&list, before, [this](const StoredCheckpoint& each) { return CheckOnce(each); });
  passed_over->insert(passed_over->end(), list.passed_over.begin(), list.passed_over.end());
  if (newest.ok()) return newest;
  return Annotate(newest.status(), absl::StrCat("run ", run, " in ", runs_));
}

absl::StatusOr<std::string> BlobStore::FindStep(const std::string& id) {
  ASSIGN_OR_RETURN(const CheckpointId wanted, ParseCheckpointId(id));
  const std::string folder = CheckpointFolder(runs_, wanted.run);
  for (const StoredCheckpoint& each : ListCheckpoints(folder).checkpoints) {
    if (each.manifest.step != wanted.step) continue;
    RETURN_IF_ERROR(Annotate(CheckOnce(each), absl::StrCat("checkpoint ", each.path)));
    return each.path;
  }
  return absl::NotFoundError(absl::StrCat("no blob ", id));
}

absl::StatusOr<std::string> BlobStore::Pin(const std::string& id) {
  if (!absl::StartsWith(id, kRunPrefix)) return id;
  const std::string run = id.substr(sizeof(kRunPrefix) - 1);
  ASSIGN_OR_RETURN(const std::string path, Find(id));
  int step = 0;
  const size_t name = path.rfind("step-");
  if (name == std::string::npos || std::sscanf(path.c_str() + name, "step-%d", &step) != 1)
    return absl::InternalError(absl::StrCat("checkpoint ", path, ": its name has no step"));
  return absl::StrCat(kCheckpointPrefix, run, "/", step);
}

absl::StatusOr<std::string> BlobStore::Find(const std::string& id) {
  if (absl::StartsWith(id, kRunPrefix)) {
    std::vector<std::string> passed_over;
    const auto newest = FindCheckpoint(id.substr(sizeof(kRunPrefix) - 1), INT32_MAX, &passed_over);
    for (const std::string& warning : passed_over) spdlog::warn("{}", warning);
    RETURN_IF_ERROR(newest.status());
    return newest->path;
  }
  if (absl::StartsWith(id, kCheckpointPrefix)) return FindStep(id);
  if (!absl::StartsWith(id, kSha256Prefix) || !IsSha256Hex(id.substr(sizeof(kSha256Prefix) - 1))) {
    return absl::InvalidArgumentError(absl::StrCat("blob id '", id,
                                                   "': want sha256:<64 hex digits>, run:<name> or "
                                                   "checkpoint:<run>/<step>"));
  }
  const std::string sha256 = id.substr(sizeof(kSha256Prefix) - 1);
  const std::lock_guard<std::mutex> lock(mutex_);
  std::error_code error;
  fs::last_write_time(PathOf(sha256), fs::file_time_type::clock::now(), error);
  if (error) return absl::NotFoundError(absl::StrCat("no blob ", id));
  in_use_.insert(sha256);
  return PathOf(sha256);
}

absl::StatusOr<std::unique_ptr<IncomingBlob>> BlobStore::Begin(const v1::BlobHeader& header) {
  RETURN_IF_ERROR(CheckHeader(header));
  if (header.size_bytes() > limit_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("put blob: larger than the server's limit (bytes=", header.size_bytes(),
                     " limit=", limit_bytes_, ")"));
  }
  std::string path;
  std::optional<IncomingBlob::NewCheckpoint> checkpoint;
  if (absl::StartsWith(header.id(), kCheckpointPrefix)) {
    ASSIGN_OR_RETURN(const CheckpointId id, ParseCheckpointId(header.id()));
    const std::string folder = CheckpointFolder(runs_, id.run);
    RemoveUnfinishedCheckpoints(folder);  // a run saves one at a time
    path = CheckpointPath(folder, id.step);
    const std::lock_guard<std::mutex> lock(mutex_);
    checkpoint = {id.run, id.step, terms_[id.run]};
  } else {
    RETURN_IF_ERROR(MakeRoom(header.size_bytes()));
    const std::lock_guard<std::mutex> lock(mutex_);
    in_use_.insert(header.sha256());
    path = PathOf(header.sha256());
  }
  // Beside its final place, so that the rename stays within one file system.
  const std::string temporary = absl::StrCat(path, ".", getpid(), ".", temporaries_++, kUnfinished);
  auto blob =
      std::unique_ptr<IncomingBlob>(new IncomingBlob(header, temporary, path, announced_bytes_));
  blob->checkpoint_ = std::move(checkpoint);
  RETURN_IF_ERROR(blob->Open());
  return blob;
}

absl::Status BlobStore::MakeRoom(int64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::error_code error;
  fs::create_directories(directory_, error);
  if (error)
    return absl::ErrnoToStatus(
        error.value(), absl::StrCat("put blob: make ", directory_, " (--runs=", runs_, ")"));
  const std::vector<FoundFile> files = OldestFirst(directory_);
  int64_t used_bytes = bytes + *announced_bytes_;
  for (const FoundFile& file : files) used_bytes += file.bytes;
  for (const FoundFile& file : files) {
    if (used_bytes <= limit_bytes_) break;
    if (in_use_.count(file.path.filename().string()) > 0) continue;
    if (fs::remove(file.path, error)) used_bytes -= file.bytes;
  }
  if (used_bytes <= limit_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("put blob: larger than what is left of the server's limit (bytes=", bytes,
                   " limit=", limit_bytes_, ")"));
}

}  // namespace edgetp
