import Foundation
import TestSupport
import Testing

/// Pictures of four million pixels that take a few kilobytes: reading one may not cost 8 bytes a pixel.
///
/// The bound is on what a picture adds to the same command with one that is as large as the model reads it.
@Suite(.serialized, .enabled(if: !Work.isSanitized, "a sanitizer's own memory is most of the program's"))
struct PictureMemoryTests {
  private static let side = 2000

  private func peak(_ picture: String) throws -> Int {
    let folder = try TemporaryFolder()
    let run = try CommandLineRun(measuring: [
      "trace", Fixtures.path("tiny-qwen3.5"), "--image", picture, "--prompt", "What is this?", "--threads", "1",
      "--output", folder.file("trace.safetensors"),
    ])
    #expect(run.status == 0, "\(run.errors)")
    return run.peakBytes
  }

  @Test(arguments: [
    (SyntheticPicture(color: .rgba, depth: 16), 2), (SyntheticPicture(color: .rgb, depth: 8, orientation: 6), 2),
    (SyntheticPicture(color: .palette, depth: 1), 2),
    // All of an interlaced picture is kept until its last pass.
    (SyntheticPicture(color: .rgba, depth: 16, isInterlaced: true), 5),
  ])
  func `a large picture`(picture: SyntheticPicture, bytesPerPixel: Int) throws {
    let folder = try TemporaryFolder()
    try picture.png(side: 256).write(to: URL(filePath: folder.file("small.png")))
    try picture.png(side: Self.side).write(to: URL(filePath: folder.file("large.png")))
    // A peak in the last moment of a run can be missed.
    let base = try (1...3).map { _ in try peak(folder.file("small.png")) }.max() ?? 0
    let added = try peak(folder.file("large.png")) - base
    let perPixel = Double(added) / Double(Self.side * Self.side)
    print("\(picture): \(base >> 20) MiB and \(perPixel) bytes a pixel")
    #expect(perPixel < Double(bytesPerPixel), "\(picture): \(added >> 20) MiB more")
  }
}

/// A PNG of one colour, as few bytes as deflate can make of it.
struct SyntheticPicture: CustomTestStringConvertible {
  enum Color: UInt8 { case rgb = 2, palette = 3, rgba = 6 }
  var color: Color
  var depth: Int
  var isInterlaced = false
  var orientation: UInt8?

  var testDescription: String {
    "\(color) of \(depth) bits" + (isInterlaced ? ", interlaced" : "") + (orientation.map { ", turned \($0)" } ?? "")
  }

  func png(side: Int) -> Data {
    let channels = [Color.rgb: 3, .palette: 1, .rgba: 4][color] ?? 1
    func rowBytes(_ width: Int) -> Int { (width * channels * depth + 7) / 8 + 1 }
    var raw = side * rowBytes(side)
    if isInterlaced {
      let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
      raw = passes.map { x, y, dx, dy in
        (side - y + dy - 1) / dy * rowBytes((side - x + dx - 1) / dx)
      }.reduce(0, +)
    }
    var file = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    file += chunk("IHDR", big(side) + big(side) + [UInt8(depth), color.rawValue, 0, 0, isInterlaced ? 1 : 0])
    if color == .palette { file += chunk("PLTE", [10, 20, 30, 40, 50, 60]) }
    if let orientation {
      file += chunk("eXIf", [0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0])
    }
    return file + chunk("IDAT", zeros(raw)) + chunk("IEND", [])
  }

  /// Zeros as zlib has them: one literal and matches of 258 in fixed codes, which are eight bits and five.
  private func zeros(_ count: Int) -> [UInt8] {
    var (bytes, bits, filled): ([UInt8], UInt64, Int) = ([0x78, 0x01], 0, 0)
    func put(_ value: UInt64, _ count: Int) {
      bits |= value << UInt64(filled)
      filled += count
      while filled >= 8 {
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        filled -= 8
      }
    }
    put(0b011, 3)
    put(0b0000_1100, 8)  // the literal 0: 00110000, first bit first
    var left = count - 1
    while left >= 258 {
      put(0b1010_0011, 8)  // length 258: 11000101
      put(0, 5)  // distance 1
      left -= 258
    }
    for _ in 0..<left { put(0b0000_1100, 8) }
    put(0, 7)
    if filled > 0 { put(0, 8 - filled) }
    // Adler-32 of zeros: the first sum stays 1, the second counts.
    return bytes + big((count % 65521) << 16 | 1)
  }

  private func chunk(_ name: String, _ data: [UInt8]) -> Data {
    let body = Array(name.utf8) + data
    return Data(big(data.count) + body + big(Int(crc(body))))
  }

  private func crc(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }

  private func big(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - $0 * 8)) } }
}
