#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <tuple>
#include <utility>

#include "ddpm/base/available_memory.h"
#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/data/copies_internal.h"
#include "ddpm/data/listing_internal.h"
#include "ddpm/data/opening_internal.h"
#include "ddpm/data/summary_internal.h"
#include "ddpm/data/workers_internal.h"

namespace ddpm {
namespace {

std::string size_text(int64_t height, int64_t width) { return concat(height, "x", width); }

// Bytes that may still be taken. Safe to use from several threads.
class Budget {
 public:
  explicit Budget(int64_t bytes) : left_(bytes) {}
  bool take(int64_t bytes) {
    if (left_.fetch_sub(bytes) >= bytes) return true;
    left_.fetch_add(bytes);
    return false;
  }
  void give_back(int64_t bytes) { left_.fetch_add(bytes); }

 private:
  std::atomic<int64_t> left_;
};

int64_t default_cache_bytes() {
  constexpr int64_t kWhereUnknown = int64_t{1} << 30;
  const int64_t available = available_memory_bytes();
  return available > 0 ? available / 2 : kWhereUnknown;
}

// What is known of one file of the source after it was decoded once.
struct Record {
  std::string bad;  // why it cannot be read; "" if it can
  int64_t height = 0;
  int64_t width = 0;
  int64_t channels = 0;
  bool gray = false;
  double missing_opacity = 0.0;  // summed over its pixels
  std::string left_out;          // what it is, if it is no data at all
  // As in the file, made to fit if the size is known; if there is no memory for it, its summary.
  PackedImage image;
  std::unique_ptr<Summary> summary;
};

// Opening a dataset: every file is looked at, then size and channels are decided, then every image
// is finished.
class Opening {
 public:
  Opening(Source source, const DataOptions& options, const DataObserver& observer)
      : source_(std::move(source)),
        options_(options),
        observer_(observer),
        budget_(options.memory_limit_bytes.value_or(default_cache_bytes())),
        records_(source_.names.size()),
        height_(options.height),
        width_(options.width),
        channels_(options.channels) {}

  void look() {
    for_each_parallel(
        source_.count(), options_.threads,
        [this](int64_t i) {
          if (first_copy(i) == i) look_at(i);
        },
        [this](int64_t done) { tell(done); });
    for (int64_t i = 0; i < source_.count(); ++i) {
      if (first_copy(i) != i) look_at_copy(i);
    }
  }

  void decide() {
    decide_which();
    if (channels_ == 0) decide_channels();
    decide_size();
    for (const int64_t i : used_) {
      const Record& record = records_[static_cast<size_t>(i)];
      if (record.height != height_ || record.width != width_) ++report_.fitted;
      if (record.channels == channels_) continue;
      ++report_.converted;
      ++report_.conversions[channels_name(record.channels) + " to " + channels_name(channels_)];
    }
  }

  DatasetContents finish() {
    DatasetContents contents;
    const auto count = static_cast<int64_t>(used_.size());
    contents.shape = {1, channels_, height_, width_};
    contents.fit = options_.fit;
    contents.images.resize(used_.size());
    Totals totals(concat("ddpm data 1\n", count, " ", channels_, " ", height_, " ", width_, " ",
                         name_of(options_.fit), "\n"));
    std::vector<char> fits_bytes(used_.size());  // not bool: written by several threads
    Copies copies(used_, source_.first_copy);
    const auto finish_image = [&](int64_t k) {
      if (copies.is_copy(k)) return;
      const Summary summary = finish_one(k, contents.images[static_cast<size_t>(k)]);
      copies.for_each(k, [&](int64_t place) {
        fits_bytes[static_cast<size_t>(place)] = summary.fits_bytes ? 1 : 0;
        totals.add(place, summary);
      });
    };
    for_each_parallel(count, options_.threads, finish_image,
                      [this](int64_t done) { tell(source_.count() + done); });
    for (int64_t k = 0; k < count; ++k) {
      if (fits_bytes[static_cast<size_t>(k)] == 0) contents.beyond_bytes.push_back(k);
    }
    add_statistics(totals, contents);
    tell(2 * source_.count());
    contents.report = std::move(report_);
    contents.source_index = std::move(used_);
    contents.first_copy = copies.take_first();
    bool all_kept = true;
    for (int64_t k = 0; k < count; ++k) all_kept = all_kept && contents.kept(k).is_kept();
    if (!all_kept) contents.source = std::move(source_);
    return contents;
  }

 private:
  static void add_statistics(Totals& totals, DatasetContents& contents) {
    const BatchShape& shape = contents.shape;
    contents.fingerprint = totals.fingerprint();
    const double samples = static_cast<double>(contents.images.size()) *
                           static_cast<double>(shape.height) * static_cast<double>(shape.width);
    for (size_t c = 0; c < static_cast<size_t>(shape.channels); ++c) {
      contents.means.push_back(totals.mean(c, samples));
      contents.stds.push_back(totals.std(c, samples));
    }
  }

  void tell(int64_t done) const {
    if (observer_) observer_(done, 2 * source_.count());
  }

  // The image made to fit, if its size is known; an image that may not be is left as it is, for
  // decide_size to name.
  Image fitted(Image image) const {
    if (height_ == 0) return image;
    if (options_.fit == Fit::kNone && (image.height != height_ || image.width != width_)) {
      return image;
    }
    return fit_image(std::move(image), height_, width_, options_.fit);
  }

  void look_at(int64_t i) {
    Record& record = records_[static_cast<size_t>(i)];
    try {
      Image image = source_.decode(i);
      record.height = image.height;
      record.width = image.width;
      record.channels = image.channels;
      record.gray = is_gray(image);
      record.missing_opacity = missing_opacity(image);
      PackedImage packed = pack(fitted(std::move(image)));
      if (budget_.take(std::ssize(packed.bytes))) {
        record.image = std::move(packed);
      } else {
        record.summary = std::make_unique<Summary>(summarise(packed));
      }
    } catch (const NotData& error) {
      record.left_out = error.what();
    } catch (const std::bad_alloc&) {
      fail_for_memory(source_, i);
    } catch (const Error& error) {
      const std::string name = shown_name(source_.names[static_cast<size_t>(i)]);
      record.bad = error.what();
      if (record.bad.rfind(name, 0) != 0) record.bad = concat(name, ": ", record.bad);
    }
  }

  int64_t first_copy(int64_t i) const { return first_copy_of(i, source_.first_copy); }

  // What is known of the first of its copies, under its own name.
  void look_at_copy(int64_t i) {
    const Record& first = records_[static_cast<size_t>(first_copy(i))];
    Record& record = records_[static_cast<size_t>(i)];
    record.height = first.height;
    record.width = first.width;
    record.channels = first.channels;
    record.gray = first.gray;
    record.missing_opacity = first.missing_opacity;
    record.left_out = first.left_out;
    if (first.bad.empty()) return;
    const auto name_of = [this](int64_t k) {
      return shown_name(source_.names[static_cast<size_t>(k)]);
    };
    record.bad = name_of(i) + first.bad.substr(name_of(first_copy(i)).size());
  }

  void decide_which() {
    report_.source = source_.description;
    report_.left_out = source_.left_out;
    report_.notes = source_.notes;
    for (int64_t i = 0; i < source_.count(); ++i) {
      const Record& record = records_[static_cast<size_t>(i)];
      if (!record.left_out.empty()) {
        ++report_.left_out[record.left_out];
        continue;
      }
      ++report_.found;
      if (record.bad.empty()) {
        used_.push_back(i);
        ++report_.sizes[size_text(record.height, record.width)];
      } else if (++report_.unreadable <= static_cast<int64_t>(DataReport::kNamesShown)) {
        report_.bad_names.push_back(record.bad);
      }
    }
    report_.used = std::ssize(used_);
    const auto found = static_cast<double>(report_.found);
    // 1e-9: 0.29 * 100 is a little less than 29 in float64, and 29 files are meant
    const auto allowed = static_cast<int64_t>(std::floor(options_.max_bad_share * found + 1e-9));
    if (report_.unreadable > allowed || used_.empty()) {
      throw FormatError(
          concat("data: expected at most ", shortest(100.0 * options_.max_bad_share), " % of ",
                 report_.found, " files unreadable (--max-bad-files) and one image at least, got ",
                 report_.unreadable, " unreadable in ", source_.description,
                 report_.bad_names.empty() ? "" : ", first " + report_.bad_names.front()));
    }
  }

  // The rule is that of DataOptions::channels. Summed in the order of the files, so the same files
  // give the same channels whatever the number of threads.
  void decide_channels() {
    double pixels = 0.0;
    double missing = 0.0;
    bool gray = true;
    for (const int64_t i : used_) {
      const Record& record = records_[static_cast<size_t>(i)];
      pixels += static_cast<double>(record.height) * static_cast<double>(record.width);
      missing += record.missing_opacity;
      gray = gray && record.gray;
    }
    const double opacity = 1.0 - missing / pixels;
    channels_ = opacity < DataOptions::kOpaque ? 4 : gray ? 1 : 3;
    report_.channels_rule = channels_rule(opacity, gray);
  }

  std::string channels_rule(double opacity, bool gray) const {
    // a share that is rounded never seems to reach the border
    const double percent = std::floor(opacity * 1e4) / 1e2;
    const std::string border = shortest(100.0 * DataOptions::kOpaque);
    if (channels_ == 4) {
      return concat("4 (RGBA): the pixels' mean opacity is ", with_decimals(percent, 2),
                    " %, below ", border, " %; --channels 3 lays them over white");
    }
    std::string rule = concat(
        channels_, " (", channels_name(channels_), "): ",
        gray ? "red, green and blue are equal in every pixel" : "red, green and blue differ");
    if (opacity < 1.0) {
      rule += concat(", and a mean opacity of ", with_decimals(percent, 2), " % is at least ",
                     border, " %; --channels 4 keeps transparency");
    }
    return rule;
  }

  void decide_size() {
    if (height_ == 0 && (report_.sizes.size() == 1 || options_.fit != Fit::kNone)) {
      std::tie(height_, width_) = most_frequent_size();
    }
    DDPM_CHECK(height_ > 0, "data: expected images of one size, got ", report_.sizes.size(),
               " sizes in ", source_.description, ": ", report_.sizes_text(),
               "; give --image-size HxW and --fit crop, pad or stretch");
    if (options_.fit != Fit::kNone) return;
    const int64_t right = report_.sizes[size_text(height_, width_)];
    if (right == report_.used) return;
    const auto wrong = std::find_if(used_.begin(), used_.end(), [this](int64_t i) {
      const Record& record = records_[static_cast<size_t>(i)];
      return record.height != height_ || record.width != width_;
    });
    const Record& record = records_[static_cast<size_t>(*wrong)];
    throw InvalidArgument(concat("data: expected images of ", size_text(height_, width_), ", got ",
                                 report_.used - right, " of another size in ", source_.description,
                                 ", first ", shown_name(source_.names[static_cast<size_t>(*wrong)]),
                                 " of ", size_text(record.height, record.width),
                                 "; --fit crop, pad or stretch makes them so"));
  }

  std::pair<int64_t, int64_t> most_frequent_size() const {
    std::map<std::pair<int64_t, int64_t>, int64_t> counts;
    for (const int64_t i : used_) {
      const Record& record = records_[static_cast<size_t>(i)];
      ++counts[{record.height, record.width}];
    }
    const auto area = [](const auto& entry) { return entry.first.first * entry.first.second; };
    return std::max_element(counts.begin(), counts.end(),
                            [&](const auto& a, const auto& b) {
                              if (a.second != b.second) return a.second < b.second;
                              return area(a) > area(b);
                            })
        ->first;
  }

  Summary finish_one(int64_t k, PackedImage& kept) {
    const int64_t i = used_[static_cast<size_t>(k)];
    Record& record = records_[static_cast<size_t>(i)];
    const auto summary_before = std::move(record.summary);
    PackedImage image = std::exchange(record.image, {});
    budget_.give_back(std::ssize(image.bytes));
    const bool had_size =
        options_.height > 0 || (record.height == height_ && record.width == width_);
    const bool is_finished = had_size && record.channels == channels_;
    if (is_finished && summary_before != nullptr) return *summary_before;
    if (!image.is_kept()) {
      image = pack(finished_image(source_, i, {1, channels_, height_, width_}, options_.fit));
    } else if (!is_finished) {
      Image plain = unpack(image);
      image = {};  // one form at a time: images may be large
      plain = fit_image(std::move(plain), height_, width_, options_.fit);
      image = pack(convert_channels(std::move(plain), channels_));
    }
    Summary summary = summarise(image);
    if (budget_.take(std::ssize(image.bytes))) kept = std::move(image);
    return summary;
  }

  Source source_;
  const DataOptions& options_;
  const DataObserver& observer_;
  Budget budget_;
  std::vector<Record> records_;  // one a file of the source
  std::vector<int64_t> used_;    // those that can be read
  DataReport report_;
  int64_t height_;  // 0: not known yet
  int64_t width_;
  int64_t channels_;
};

}  // namespace

void fail_for_memory(const Source& source, int64_t index) {
  throw Error(concat(shown_name(source.names[static_cast<size_t>(index)]),
                     ": not enough memory to decode it; use fewer --threads, or make the image "
                     "smaller"));
}

Image finished_image(const Source& source, int64_t index, const BatchShape& shape, Fit fit) try {
  Image image = source.decode(index);
  if (fit == Fit::kNone && (image.height != shape.height || image.width != shape.width)) {
    throw FormatError(concat(shown_name(source.names[static_cast<size_t>(index)]), ": expected ",
                             size_text(shape.height, shape.width), " pixels as before, got ",
                             size_text(image.height, image.width), "; the file has changed"));
  }
  return convert_channels(fit_image(std::move(image), shape.height, shape.width, fit),
                          shape.channels);
} catch (const std::bad_alloc&) {
  fail_for_memory(source, index);
}

void check_data_options(const DataOptions& options) {
  DDPM_CHECK(
      (options.height == 0 && options.width == 0) || (options.height >= 1 && options.width >= 1),
      "data: expected an image size of at least 1x1, got ",
      size_text(options.height, options.width));
  DDPM_CHECK(options.channels == 0 || options.channels == 1 || options.channels == 3 ||
                 options.channels == 4,
             "data: expected 1, 3 or 4 channels, got ", options.channels);
  DDPM_CHECK(options.max_bad_share >= 0.0 && options.max_bad_share <= 1.0,
             "data: expected a share of unreadable files in [0, 1], got ", options.max_bad_share);
  const int64_t limit = options.memory_limit_bytes.value_or(0);
  DDPM_CHECK(options.threads >= 0 && limit >= 0,
             "data: expected threads and memory of at least 0, got ", options.threads, " and ",
             limit);
}

DatasetContents open_contents(Source source, const DataOptions& options,
                              const DataObserver& observer) {
  Opening opening(std::move(source), options, observer);
  opening.look();
  opening.decide();
  return opening.finish();
}

}  // namespace ddpm
