import Containers
import Conversion
import Foundation
import Quants
import TestSupport
import Base
import Testing

/// A folder is replaced in one step, and everything in it that is somebody else's comes along.
struct FolderOutputTests {
  private let manager = FileManager.default
  private let folder: TemporaryFolder
  private let work: TemporaryFolder
  private let source: String
  private var out: String { folder.file("out") }

  init() throws {
    folder = try TemporaryFolder()
    work = try TemporaryFolder()
    source = work.file("source.gguf")
    try convert(tinyModel, into(work, .convert(to: .bf16), "source"))
  }

  private func write(_ text: String, _ path: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }
  private func read(_ path: String) -> String? { (try? String(contentsOfFile: path, encoding: .utf8)) }
  private func names(_ path: String) throws -> [String] { try manager.contentsOfDirectory(atPath: path).sorted() }

  private func restore(_ path: String? = nil, overwrite: Bool = true) throws {
    var options = ConversionOptions.convert(to: nil)
    options.target = .safetensors
    options.output = path ?? out
    options.overwrite = overwrite
    _ = try Conversion.plan(source: source, options: options).run(threads: 2)
  }

  /// A folder of an earlier output with things of the user's in it; the names of the output's files.
  private func makeOld() throws -> [String] {
    try restore(overwrite: false)
    let files = try names(out)
    for file in files { try write("stale", out + "/" + file) }
    try write("stale", out + "/model-00001-of-00002.safetensors")
    try manager.createDirectory(atPath: out + "/runs/deep", withIntermediateDirectories: true)
    try write("a", out + "/runs/deep/log")
    try write("b", out + "/notes.txt")
    try manager.createSymbolicLink(atPath: out + "/link", withDestinationPath: "notes.txt")
    #expect(mkfifo(out + "/pipe", 0o600) == 0)
    #expect(chmod(out, 0o750) == 0)
    return files
  }

  private func expectWhole(_ files: [String]) throws {
    #expect(folder.contents == ["out"])
    #expect(try names(out) == (files + ["link", "notes.txt", "pipe", "runs"]).sorted())
    #expect(read(out + "/runs/deep/log") == "a" && read(out + "/notes.txt") == "b" && read(out + "/link") == "b")
    for file in files { #expect(read(out + "/" + file) != "stale") }
    #expect(try Containers.open(out).tensors.count > 100)
  }

  @Test func `everything that does not belong to an output comes along`() throws {
    let files = try makeOld()
    let before = FileIdentity(entry: out + "/notes.txt")
    try restore()
    try expectWhole(files)
    #expect(FileIdentity(entry: out + "/notes.txt") == before)
    let mode = try manager.attributesOfItem(atPath: out)[.posixPermissions] as? Int
    #expect(mode == 0o750)
  }

  /// The states between the exchange and the end, made by hand; a run that is killed there leaves them.
  @Test func `what was on its way comes home with the next run`() throws {
    let files = try makeOld()
    let hidden = folder.file(".out.partial")
    // The old folder under the hidden name, the new one with links to what is in it and second names of files.
    try manager.moveItem(atPath: out, toPath: hidden)
    try restore(work.file("new"), overwrite: false)
    try manager.moveItem(atPath: work.file("new"), toPath: out)
    try manager.createSymbolicLink(atPath: out + "/runs", withDestinationPath: "../.out.partial/runs")
    for name in ["notes.txt", "pipe"] { #expect(link(hidden + "/" + name, out + "/" + name) == 0) }
    try manager.createSymbolicLink(atPath: out + "/link", withDestinationPath: "../.out.partial/link")
    #expect(read(out + "/runs/deep/log") == "a" && read(out + "/link") == "b")
    try restore()
    #expect(chmod(out, 0o750) == 0)
    try expectWhole(files)
  }

  @Test func `a folder of an unfinished run is removed, but for what nobody knows`() throws {
    let files = try makeOld()
    let hidden = folder.file(".out.partial")
    try manager.createDirectory(atPath: hidden, withIntermediateDirectories: false)
    try write("half", hidden + "/model.safetensors")
    try write("half", hidden + "/preprocessor_config.json")
    #expect(link(out + "/notes.txt", hidden + "/notes.txt") == 0)
    try manager.createSymbolicLink(atPath: hidden + "/runs", withDestinationPath: "../.out.partial/runs")
    try write("whose", hidden + "/whose")
    try restore()
    #expect(read(out + "/whose") == "whose")
    try manager.removeItem(atPath: out + "/whose")
    try expectWhole(files)
  }

  @Test func `what cannot be kept stops the run before the first change`() throws {
    _ = try makeOld()
    try manager.removeItem(atPath: out + "/config.json")
    try manager.createDirectory(atPath: out + "/config.json", withIntermediateDirectories: false)
    try write("mine", out + "/config.json/mine")
    let before = try names(out)
    let error = #expect(throws: CheckpointError.self) { try restore() }
    #expect(error?.code == .exists && error?.file == out + "/config.json")
    #expect(try names(out) == before && folder.contents == ["out"])
    #expect(read(out + "/config.json/mine") == "mine" && read(out + "/model.safetensors") == "stale")
  }

  @Test func `a link to a folder means the folder, and one that leads nowhere is refused`() throws {
    let files = try makeOld()
    try manager.createSymbolicLink(atPath: work.file("link"), withDestinationPath: out)
    #expect(throws: CheckpointError.self) { try restore(work.file("link"), overwrite: false) }
    #expect(read(out + "/config.json") == "stale")
    try restore(work.file("link"))
    try expectWhole(files)
    #expect(Names.target(ofLink: work.file("link")) == out)
    try manager.createSymbolicLink(atPath: work.file("dangling"), withDestinationPath: "nowhere")
    for overwrite in [false, true] {
      let error = #expect(throws: CheckpointError.self) { try restore(work.file("dangling"), overwrite: overwrite) }
      #expect(error?.message.contains("leads nowhere") == true)
    }
    var options = into(work, .convert(to: nil))
    options.output = work.file("link")
    options.overwrite = true
    let error = #expect(throws: CheckpointError.self) {
      try Conversion.plan(source: source, options: options).check()
    }
    #expect(error?.message == "the output is a link to a folder; name a file")
    #expect(Names.target(ofLink: work.file("link")) == out)
    #expect(!work.contents.contains { $0.hasPrefix(".") })
  }
}
